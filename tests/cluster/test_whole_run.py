from tests.cluster.conftest import *

def test_whole(cluster, tmp_path):
    w = ClusterWorkplace(tmp_path)
    w.sequences = ["street:train", "plaza:target", "market:target"]
    w.write()
    t = time.time()
    text = w.start().end()
    print(time.time() - t)
    for j in cluster.jobs(): print(j)
    print(text[-3000:])

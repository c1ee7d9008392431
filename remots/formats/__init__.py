"""The only place that knows a file: video, MOTS, KITTI, COCO, parquet."""

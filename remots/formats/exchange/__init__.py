"""Masks, boxes and tracks from others and for others: MOTS, KITTI, COCO, DAVIS, CVAT."""

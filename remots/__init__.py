"""ReMOTS: self-supervised refining of multi-object tracking and segmentation."""

__version__ = "0.1.0"

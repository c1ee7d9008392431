"""The appearance encoder: crops, sampling, training, features (paper sections 2.2 and 2.4)."""

"""Short-term tracklets become long tracks by constrained agglomerative clustering (paper section 2.5)."""

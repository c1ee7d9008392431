"""What the video says about itself: similarity histograms and the thresholds read off them (sections 2.3 and 2.5)."""

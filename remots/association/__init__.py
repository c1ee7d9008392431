"""The short-term tracker: optical flow, warped overlaps, linear assignment (paper section 2.3)."""

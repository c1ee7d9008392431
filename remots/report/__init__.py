"""What people look at: figures, overlays."""

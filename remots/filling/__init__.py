"""Filling short gaps of merged tracks; not of the paper."""

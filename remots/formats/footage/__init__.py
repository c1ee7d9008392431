"""What a sequence is made of: images or a video, its frames, its ``sequence.json``."""

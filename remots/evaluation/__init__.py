"""The paper's metrics, computed by trackeval."""

"""The model behind the server: its folder, loading, asking it."""

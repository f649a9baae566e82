"""Running the server: gunicorn or waitress, the shipper, the background."""

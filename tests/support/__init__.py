"""What several tests need to fill a cloud: devices with keys, journals, and a shop that trades."""

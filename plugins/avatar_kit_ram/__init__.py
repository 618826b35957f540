"""avatar-kit plugin, method: RAM-Avatar."""

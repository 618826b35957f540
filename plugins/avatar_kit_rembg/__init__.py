"""avatar-kit plugin, matting: the network for people that rembg publishes."""

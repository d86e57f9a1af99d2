"""The dashboard: the far end of the river. It reads rows over HTTP, like any script, and draws them."""

"""Opens what the settings name: the only place that names concrete classes. `hub.open_hub` puts it together."""

"""Request and response models, nothing else. They are the OpenAPI document."""

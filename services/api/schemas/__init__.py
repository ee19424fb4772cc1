"""Request and response models. They make up the OpenAPI document."""

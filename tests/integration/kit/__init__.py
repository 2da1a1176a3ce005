"""What the integration tests are made of; one file a subject."""

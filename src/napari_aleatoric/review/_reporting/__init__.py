"""A case or a whole review as pages that can be handed on."""

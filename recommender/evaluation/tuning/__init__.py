"""The search for better settings by grouped cross-validation."""

"""What the tags are: domain types, storage, prompts, calibration and evaluation."""

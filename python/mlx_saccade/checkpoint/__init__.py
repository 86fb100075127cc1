"""The files of a checkpoint: folder, JSON, tensors, tokenizer and chat template."""

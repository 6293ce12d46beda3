"""Pure tensor mathematics that objectives and diagnostics share."""

"""The panel: a window on a running ensemble, made of Taurus's widgets."""

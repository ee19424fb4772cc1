"""The systems that are scored side by side, one file each. `services.batch.evaluate.baselines.registry` names them."""

"""The systems that are scored side by side, one file each. `services.batch.evaluate.systems.all_systems` names them."""

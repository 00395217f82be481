"""Pictures, legends and values of map services; all but ``orders`` runs in render processes. No HTTP."""

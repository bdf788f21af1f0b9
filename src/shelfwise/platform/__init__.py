"""What both services stand on: settings, identity, tenancy, database, problems, outbox, telemetry and health."""

"""Scoring a workspace: who judges, case after case, with maps, going on where it was stopped."""

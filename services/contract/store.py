"""The artifact store in a folder, as far as both services must agree on it.

{root}/.exportd-store       a UUID: which store this is
{root}/.spool/{worker}/     files being written; swept when nobody holds the lock in it
{root}/{export}/{lease}/    a finished artifact; nobody else writes there
"""

MARKER = ".exportd-store"
SPOOL = ".spool"


def artifact_prefix(export_id: str, lease_id: str) -> str:
    """Where the attempt under this lease puts its file; ends with a slash."""
    return f"{export_id}/{lease_id}/"

"""What a job is to be made of is looked at before it is made; what stands in the rows shows when it is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import InvalidRequest, UnknownFile
from luthier.store.user_files.shelf import get_file

if TYPE_CHECKING:
    from luthier.store.database import Database

PURPOSE = "fine-tune"


def require_rows(db: Database, name: str, file_id: str) -> None:
    """`name` is what the job calls the file. Raises InvalidRequest for one that is missing or for something else."""
    try:
        purpose = get_file(db, file_id).purpose
    except UnknownFile as error:
        message = f"invalid {name}: {file_id}"
        raise InvalidRequest(message, hint=f"upload a file with the purpose {PURPOSE}, and give its id") from error
    if purpose != PURPOSE:
        message = f"invalid {name}: {file_id} was uploaded for {purpose}"
        raise InvalidRequest(message, hint=f"upload it again with the purpose {PURPOSE}")

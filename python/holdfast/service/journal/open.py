"""Opens a journal: the one place that knows what stores it.

A journal is named by its file, or by the home that it is in.
"""

from __future__ import annotations

from pathlib import Path

from holdfast.service.journal.interface import Reader, SignerReader, Writer
from holdfast.service.journal.reserve import Reserve
from holdfast.service.journal.settings import FILE_NAME
from holdfast.service.journal.sqlite import schema
from holdfast.service.journal.sqlite.reader import SqliteReader
from holdfast.service.journal.sqlite.signer_reader import SqliteSignerReader
from holdfast.service.journal.sqlite.writer import SqliteWriter


def create(path: Path, *records: bytes, note: bytes | None = None) -> None:
    """Makes a new journal (mode 0600) of these first records.

    `guardian.created` before all, under the signed checkpoint `note` over them. Raises
    FileExistsError, JournalError.
    """
    schema.create(path, *records, note=note)


def open_reader(path: Path) -> Reader:
    """Reads over a connection of its own; close it.

    Raises JournalError when there is no journal of a known format.
    """
    return SqliteReader(journal_in(path))


def open_signer_reader(path: Path) -> SignerReader:
    """The signer's reads, which change nothing on the disk; close it. Raises JournalError."""
    return SqliteSignerReader(journal_in(path))


def open_writer(path: Path, reserve: Reserve | None = None) -> Writer:
    """Opens the journal for writing and brings it to this version's format.

    `reserve` is given up when the disk is full. There must be no other writer. Raises JournalError,
    OSError.
    """
    return SqliteWriter(journal_in(path), reserve)


def files_of(path: Path) -> list[Path]:
    """Every file that the journal may consist of, whether it is there or not."""
    return schema.files_of(journal_in(path))


def journal_in(path: Path) -> Path:
    """The journal of a home (a folder), or the journal's file itself."""
    return path / FILE_NAME if path.is_dir() else path

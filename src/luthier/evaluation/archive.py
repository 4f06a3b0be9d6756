"""Reports are kept with the models they judge as their parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from luthier.conversation import canonical_json
from luthier.store.catalog import keep_artefact, list_artefacts

if TYPE_CHECKING:
    from luthier.store.home import Home


class Report(Protocol):
    """Its JSON says under "models" whom it judges, and by which conditions under "manifests"."""

    @property
    def name(self) -> str: ...

    def to_json(self) -> dict[str, Any]: ...


def keep_report(home: Home, report: Report, *, is_final: bool = False) -> str:
    """The fingerprint of the report's manifest; the report itself lies in a blob, whole.

    A final report is the one use of its test that was to be the last.
    """
    document = report.to_json()
    manifest = {
        "kind": "report",
        "blob": home.blobs.put(canonical_json(document).encode("utf-8", "surrogatepass")),
        "candidate": document["candidate"],
        "final": is_final,
        **{key: document[key] for key in ("name", "models", "comparison", "verdict", "manifests")},
    }
    judged = set(document["models"])
    parents = [model.fingerprint for model in list_artefacts(home.database, "model") if model.name in judged]
    return keep_artefact(home.database, kind="report", name=report.name, manifest=manifest, parents=parents)

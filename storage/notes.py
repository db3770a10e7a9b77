"""What answers tell besides numbers: an account's ids, its videos, and which of them can be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, literal_column, select
from sqlalchemy.dialects.sqlite import insert

from rules.values import Subject
from storage import codec
from storage.database import Hot, among
from storage.records import Discovered, Identity, Listing, Noted, Sight
from storage.schedule import target_ids
from storage.tables import discoveries, identities, sights, targets


def commit(connection: Connection, noted: Noted) -> None:
    """Store it all. Every account and video must be a target already, but for the videos that are found here."""
    _find(connection, noted.found)
    ids = target_ids(connection, noted.ids.keys() | {sight.target for sight in noted.sights})
    _UPSERT_IDENTITY.write(connection, [_identity_row(ids[key], each) for key, each in noted.ids.items()])
    _UPSERT_SIGHT.write(connection, [_sight_row(ids[each.target], each) for each in noted.sights])


def _if_told(told: ColumnElement[str], known: ColumnElement[str]) -> ColumnElement[str]:
    return func.coalesce(func.nullif(told, literal_column("''")), known)


def _identity_row(target_id: int, identity: Identity) -> tuple[object, ...]:
    return target_id, identity.uid, identity.sec_uid, identity.handle, codec.to_ms(identity.at)


_IDS = ("uid", "sec_uid", "handle")
_INSERT_IDENTITY = insert(identities)
_TOLD = _INSERT_IDENTITY.excluded
_UPSERT_IDENTITY = Hot(
    _INSERT_IDENTITY.on_conflict_do_update(
        index_elements=["target_id"],
        set_={name: _if_told(_TOLD[name], identities.c[name]) for name in _IDS} | {"at_ms": _TOLD.at_ms},
    ),
    *("target_id", *_IDS, "at_ms"),
)


def _sight_row(target_id: int, sight: Sight) -> tuple[object, ...]:
    return target_id, sight.state, sight.proofs, codec.to_ms(sight.since)


_INSERT_SIGHT = insert(sights)
_UPSERT_SIGHT = Hot(
    _INSERT_SIGHT.on_conflict_do_update(
        index_elements=["target_id"],
        set_={name: _INSERT_SIGHT.excluded[name] for name in ("state", "proofs", "since_ms")},
    ),
    *("target_id", "state", "proofs", "since_ms"),
)


def _find(connection: Connection, found: Sequence[Listing]) -> None:
    _INSERT_TARGET.write(connection, [row for listing in found for row in _target_rows(listing)])
    keys = {_key(listing, video.video_id) for listing in found for video in listing.videos}
    ids = target_ids(connection, keys | {listing.account for listing in found})
    _UPSERT_DISCOVERY.write(connection, [row for listing in found for row in _discovery_rows(listing, ids)])


def _key(listing: Listing, video_id: str) -> str:
    return f"{listing.platform}/{Subject.VIDEO}/{video_id}"


def _target_rows(listing: Listing) -> Iterator[tuple[object, ...]]:
    """Whose it is, its tags and its link are said by ``sync_targets``, if the video is to be watched."""
    for video in listing.videos:
        of_video = _key(listing, video.video_id), Subject.VIDEO.value, listing.platform, video.title or video.video_id
        yield *of_video, "", codec.to_json([]), "", codec.to_ms(listing.at)


_INSERT_TARGET = Hot(
    insert(targets).on_conflict_do_nothing(),
    *("key", "subject", "platform", "name", "owner", "tags", "link", "first_seen_ms"),
)


def _discovery_rows(listing: Listing, ids: Mapping[str, int]) -> Iterator[tuple[object, ...]]:
    at_ms = codec.to_ms(listing.at)
    for video in listing.videos:
        created_ms = None if video.created is None else codec.to_ms(video.created)
        of_video = ids[_key(listing, video.video_id)], ids[listing.account], video.video_id, video.title
        yield *of_video, created_ms, at_ms, at_ms


_INSERT_DISCOVERY = insert(discoveries)
_LISTED = _INSERT_DISCOVERY.excluded
_UPSERT_DISCOVERY = Hot(
    _INSERT_DISCOVERY.on_conflict_do_update(
        index_elements=["target_id"],
        set_={
            "account_id": _LISTED.account_id,
            "title": _if_told(_LISTED.title, discoveries.c.title),
            "created_ms": func.coalesce(_LISTED.created_ms, discoveries.c.created_ms),
            "listed_ms": _LISTED.listed_ms,
        },
    ),
    *("target_id", "account_id", "video_id", "title", "created_ms", "found_ms", "listed_ms"),
)


def identified(connection: Connection) -> Mapping[str, Identity]:
    """The ids of every account that told them, by its key."""
    rows = connection.execute(select(identities, targets.c.key).join_from(identities, targets))
    return {row.key: Identity(row.uid, row.sec_uid, row.handle, codec.from_ms(row.at_ms)) for row in rows}


def discovered(connection: Connection, accounts: Collection[str] | None = None) -> list[Discovered]:
    """Every video that was ever listed of these accounts (None: of all), in the order in which they became known."""
    account = select(discoveries, targets.c.key).join(targets, targets.c.id == discoveries.c.account_id)
    account = account if accounts is None else account.where(targets.c.key.in_(among(accounts)))
    return [
        Discovered(
            account=row.key,
            video_id=row.video_id,
            title=row.title,
            created=codec.from_ms_or_none(row.created_ms),
            found=codec.from_ms(row.found_ms),
            listed=codec.from_ms(row.listed_ms),
        )
        for row in connection.execute(account.order_by(discoveries.c.target_id))
    ]


def seen(connection: Connection, videos: Collection[str] | None) -> list[Sight]:
    """What is known of the visibility of these videos (their keys); None: of all."""
    chosen = select(sights, targets.c.key).join_from(sights, targets).order_by(sights.c.target_id)
    rows = connection.execute(chosen if videos is None else chosen.where(targets.c.key.in_(among(videos))))
    return [Sight(row.key, row.state, row.proofs, codec.from_ms(row.since_ms)) for row in rows]

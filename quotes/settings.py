"""What an installation can set, by environment variables that begin with QUOTES_; `quotes settings` lists them."""

import base64
import binascii
import os
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from quotes.errors import InputError
from quotes.markup import MAX_NESTING
from quotes.reading import MAX_CHARACTERS

# The most that max_batch and max_rows can be set to: the API refuses more before it looks at each.
LARGEST_BATCH, LARGEST_SET = 10_000, 100_000


def _rate(said: str | None) -> str | None:
    if said is not None:
        from limits import parse_many

        found = parse_many(said)
        if len(found) != 1 or found[0].amount < 1:
            raise ValueError("give one rate of at least one request, for example 600/minute")
    return said


def _webhook_secret(secret: SecretStr) -> SecretStr:
    prefix, _, encoded = secret.get_secret_value().partition("_")
    with suppress(binascii.Error):
        if prefix == "whsec" and 24 <= len(base64.b64decode(encoded, validate=True)) <= 64:
            return secret
    raise ValueError("give whsec_ and the base64 of 24 to 64 random bytes")


def networks_of(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of a list with commas; raises ValueError, which names the one that is none."""
    return tuple(ip_network(one.strip()) for one in listed.split(",") if one.strip())


def _networks(listed: str) -> str:
    networks_of(listed)
    return listed


class Settings(BaseSettings):
    """The settings in force when it is made; raises pydantic.ValidationError for values that make no sense."""

    model_config = SettingsConfigDict(env_prefix="QUOTES_", env_ignore_empty=True, frozen=True)

    # Read by `quotes.artefacts`, which needs nothing but the standard library; here for the list.
    models: Path | None = Field(default=None, description="the folder of the models, instead of models/")
    english_dir: Path | None = Field(
        default=None, description="a Stanza resource directory to use instead of models/english"
    )
    english_package: str | None = Field(default=None, description="the package in it, for example default_accurate")
    people: Path | None = Field(default=None, description="a CSV file of names to pin (docs/people.md)")
    host: str = Field(default="127.0.0.1", description="where the API listens")
    port: int = Field(default=8000, ge=0, le=65535, description="where the API listens; 0 takes any free port")
    allow_without_keys: bool = Field(
        default=False, description="listen where other machines can call although there are no API keys"
    )
    rate_limit: Annotated[str | None, AfterValidator(_rate)] = Field(
        default=None, description="the most requests of one API key, or of one address, for example 600/minute"
    )
    database: Path = Field(
        default=Path("quotes.sqlite"), description="the file of the API's database; made where there is none"
    )
    workers: int | None = Field(
        default=None, ge=1, description="the API's worker processes; one for each core unless it is set"
    )
    queue: int | None = Field(
        default=None,
        ge=1,
        description="how many requests may wait for a worker; half as many as workers unless it is set",
    )
    time_limit: float = Field(
        default=120, gt=0, description="seconds that the API works on a request, the wait for a worker included"
    )
    max_characters: int = Field(
        default=MAX_CHARACTERS, ge=1, description="the longest article that is read, in code points"
    )
    idempotency_hours: int = Field(
        default=24, ge=1, description="how long the API keeps the answer to a request with an Idempotency-Key"
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = Field(
        default=None, description="what webhooks are signed with (docs/webhooks.md); without it there are none"
    )
    webhook_networks: Annotated[str, AfterValidator(_networks)] | None = Field(
        default=None, description="networks that webhooks may call besides public addresses, with commas between them"
    )
    max_nesting: int = Field(
        default=MAX_NESTING, ge=1, description="the most elements of an article's HTML that lie inside each other"
    )
    max_batch: int = Field(
        default=1000, ge=1, le=LARGEST_BATCH, description="the most articles that the API takes in one batch"
    )
    batch_days: int = Field(default=30, ge=1, description="how long the API keeps a batch once it is completed")
    max_rows: int = Field(
        default=10_000, ge=1, le=LARGEST_SET, description="the most quotations that the API evaluates at once"
    )

    @property
    def worker_count(self) -> int:
        """How many worker processes the API has: `workers`, or the cores that this process may use."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.workers or cores

    @property
    def queue_length(self) -> int:
        """How many requests may wait: `queue`, or half of `worker_count`.

        The last who waits then gets a worker after half the time that an article takes, so that under any load an answer,
        where there is one, comes within one and a half times that. One may wait for a single worker, too.
        """
        return self.queue or max(1, self.worker_count // 2)


def variable(field: str) -> str:
    """The environment variable of a field of Settings."""
    return f"QUOTES_{field.upper()}"


def unknown_variables() -> list[str]:
    """What is set and looks like one of ours, but is none: misspelt, or of another release."""
    known = {variable(field) for field in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith("QUOTES_") and name.upper() not in known)


def settings_in_force() -> Settings:
    """The settings; raises InputError, which names the variable, for values that make no sense."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0])
        value = "…" if name == "webhook_secret" else wrong["input"]
        raise InputError(f"{variable(name)}={value}: {wrong['msg']}") from None

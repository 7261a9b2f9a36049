"""The gateway's settings."""

from pathlib import Path
from typing import Annotated, Literal, Self

from common.addresses import is_loopback, origin, server_address, without_extras
from common.contracts.reads import MAX_READS_PER_BATCH
from common.observability.tracing import Sampling
from common.settings import (
    AdminSettings,
    BusSettings,
    HttpSettings,
    ReaderTokenSettings,
    ServiceSettings,
    TraceSettings,
)
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from pydantic_core import from_json
from pydantic_settings import NoDecode


def _from_json(value: object) -> object:
    """Decoded here and not by pydantic-settings, which knows no other fault than a traceback."""
    return from_json(value) if isinstance(value, str) else value


type ServerAddress = Annotated[HttpUrl, AfterValidator(server_address)]
type Origin = Annotated[str, AfterValidator(origin)]


def _safe_keys(url: HttpUrl) -> HttpUrl:
    """Whoever can change the keys on their way can be any user."""
    if url.scheme == "http" and not is_loopback(url.host or ""):
        raise ValueError("must begin with https://; http:// is for an issuer on this machine alone")
    return without_extras(url)


class IdentitySettings(ServiceSettings):
    """Who may use the paths of which user: anyone, or the bearer of a token that names the user."""

    auth_mode: Literal["off", "jwt"] = Field(
        "off", description="jwt: a request needs a bearer token whose claim is the path's user; off: anyone may call"
    )
    auth_jwks_url: Annotated[HttpUrl, AfterValidator(_safe_keys)] | None = Field(
        None, description="where the issuer publishes its signing keys (RFC 7517): https://, or http:// on this machine"
    )
    auth_jwks_file: Path | None = Field(None, description="the same as a file, instead of AUTH_JWKS_URL")
    auth_issuer: str | None = Field(None, description="what a token's iss must be; jwt needs it")
    auth_audience: str | None = Field(None, description="what a token's aud must be or hold; jwt needs it")
    auth_user_claim: str = Field(
        "sub",
        pattern=r"^[!#-\[\]-~]+$",  # it is told in WWW-Authenticate (RFC 6750, section 3)
        description="the claim that holds the user's UUID",
    )

    @model_validator(mode="after")
    def _jwt_is_whole(self) -> Self:
        if self.auth_mode == "jwt":
            if (self.auth_jwks_url is None) == (self.auth_jwks_file is None):
                raise ValueError("AUTH_MODE=jwt needs AUTH_JWKS_URL or AUTH_JWKS_FILE, and not both")
            if not self.auth_issuer or not self.auth_audience:
                raise ValueError("AUTH_MODE=jwt needs AUTH_ISSUER and AUTH_AUDIENCE")
        return self


class RateLimitSettings(ServiceSettings):
    """How many requests each gateway process takes from one user and from one address."""

    user_requests_per_s: PositiveFloat | None = Field(
        None, description="requests of one user a second, per process; then 429. Unset: no limit"
    )
    user_burst: PositiveInt = Field(100, description="requests that a user may send at once, at most")
    address_requests_per_s: PositiveFloat | None = Field(
        None, description="requests from one address a second, per process; then 429. Unset: no limit"
    )
    address_burst: PositiveInt = Field(200, description="requests that an address may send at once, at most")
    trusted_proxies: NonNegativeInt = Field(
        0, description="proxies in front that add their client's address to X-Forwarded-For; 0: the peer is the client"
    )


class SamplingSettings(TraceSettings):
    """Which requests are traced, in OpenTelemetry's words; the gateway decides for the services behind it."""

    otel_traces_sampler: Literal[
        "parentbased_always_on",
        "parentbased_traceidratio",
        "parentbased_always_off",
        "always_on",
        "traceidratio",
        "always_off",
    ] = Field(
        "parentbased_always_on",
        description="requests that are traced: all, a share or none; with parentbased_ those too that a client samples",
    )
    otel_traces_sampler_arg: float = Field(1.0, ge=0, le=1, description="that share, with a traceidratio")

    @property
    def sampling(self) -> Sampling:
        """The same for `open_tracing`."""
        kind = self.otel_traces_sampler.removeprefix("parentbased_")
        shares = {"always_on": 1.0, "traceidratio": self.otel_traces_sampler_arg, "always_off": 0.0}
        return Sampling(shares[kind], trusts_traceparent=kind != self.otel_traces_sampler)


class GatewaySettings(
    HttpSettings, AdminSettings, SamplingSettings, BusSettings, IdentitySettings, RateLimitSettings, ReaderTokenSettings
):
    """Every variable that the gateway reads."""

    reader_url: ServerAddress = Field(description="address of the task-reader, such as http://task-reader:8001")
    read_timeout_s: PositiveFloat = Field(3.0, description="limit for an answer of the task-reader; then 503")
    reads_max_in_flight: PositiveInt = Field(
        4, description="requests to the task-reader at once, at most, for lists and for single tasks each, per process"
    )
    reads_max_waiting: PositiveInt = Field(
        4096, description="reads of each kind that wait, at most, of one user a quarter; then 503"
    )
    finds_max_batch: PositiveInt = Field(
        32, le=MAX_READS_PER_BATCH, description="single tasks in one request to the task-reader, at most"
    )
    lists_max_batch: PositiveInt = Field(
        16, le=MAX_READS_PER_BATCH, description="lists in one request to the task-reader, at most"
    )
    write_deadline_s: PositiveFloat = Field(
        2.0, description="limit for the answer to a write; then 504, or 503 when it never left"
    )
    bus_start_timeout_s: PositiveFloat = Field(
        2.0, description="wait for RabbitMQ before a starting gateway listens; then it listens without"
    )
    bus_max_batch: PositiveInt = Field(128, description="commands in one message, at most")
    bus_max_in_flight: PositiveInt = Field(2, description="batches on their way at once, at most, per process")
    bus_max_waiting: PositiveInt = Field(
        4096, description="commands that wait for a batch, at most, of one user a quarter; then 503"
    )
    cors_origins: Annotated[list[Origin], NoDecode, BeforeValidator(_from_json)] = Field(
        [], description='JSON list of origins that browsers may call from, e.g. ["https://app.example"]'
    )

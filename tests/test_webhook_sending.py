import socket
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_network

import pytest
import trustme
from standardwebhooks import Webhook

from api.webhooks.addresses import Reach, RefusedAddress
from api.webhooks.sending import Outcome, Sender
from tests.receiver import SECRET, receiving

pytestmark = pytest.mark.anyio

BODY = '{"type": "batch.completed"}'
HERE = Reach((ip_network("127.0.0.0/8"), ip_network("::1/128")))
ELSEWHERE = Reach((ip_network("192.168.77.0/24"),))


async def send(url, reach=HERE, timeout=10):
    return await Sender(SECRET, reach, timeout).send(url, "msg_1", BODY)


@pytest.fixture
def names(monkeypatch):
    """Addresses by host name, one list for each time that it is looked up; the last for ever after."""
    known = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        host = host.decode() if isinstance(host, bytes) else host
        if host not in known:
            return real(host, port, *args, **kwargs)
        turns = known[host]
        found = turns.pop(0) if len(turns) > 1 else turns[0]
        return [answer for address in found for answer in real(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


# --- what is sent ---


async def test_what_arrives_is_signed_by_the_standard_webhooks_convention():
    with receiving() as receiver:
        assert await send(f"http://127.0.0.1:{receiver.port}/hook?desk=1") == Outcome(status=204)
    ((headers, body),) = receiver.requests
    assert body == BODY.encode()
    assert Webhook(SECRET).verify(body, headers) == {"type": "batch.completed"}
    assert headers["webhook-id"] == "msg_1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_any_2xx_delivers(status):
    with receiving(status) as receiver:
        outcome = await send(f"http://127.0.0.1:{receiver.port}/")
    assert outcome.delivered
    assert not outcome.gone


@pytest.mark.parametrize("status", [300, 400, 404, 410, 429, 500, 503])
async def test_any_other_status_does_not(status):
    with receiving(status) as receiver:
        outcome = await send(f"http://127.0.0.1:{receiver.port}/")
    assert not outcome.delivered
    assert outcome.gone == (status == 410)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status):
    with receiving() as elsewhere:
        with receiving(status, headers={"Location": f"http://127.0.0.1:{elsewhere.port}/"}) as receiver:
            outcome = await send(f"http://127.0.0.1:{receiver.port}/")
        assert (outcome.status, outcome.delivered) == (status, False)
        assert elsewhere.requests == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await send(f"http://127.0.0.1:{receiver.port}/")).delivered
        assert proxy.requests == []


# --- receivers that misbehave ---


async def test_an_endless_answer_is_not_read():
    with socket.create_server(("127.0.0.1", 0)) as server:
        swallowed = []

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
                with suppress(OSError):
                    while len(swallowed) < 10_000:
                        connection.sendall(b"x" * 100_000)
                        swallowed.append(1)

        thread = threading.Thread(target=answer)
        thread.start()
        assert (await send(f"http://127.0.0.1:{server.getsockname()[1]}/")).delivered
        thread.join(30)
    assert len(swallowed) < 1000


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 300_000, b"nonsense\r\n\r\n", b""])
async def test_answers_that_are_no_http(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                with suppress(OSError):
                    connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        outcome = await send(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join(30)
    assert outcome.status is None
    assert outcome.error.startswith("no answer")


async def test_silence_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = await send(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.1)
    assert outcome == Outcome(error="no answer in time")


async def test_nobody_there(names):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert (await send(f"http://127.0.0.1:{port}/")).error.startswith("no answer")
    assert "has no address" in (await send("https://nobody.invalid/")).error


# --- where it may go ---

PRIVATE = {
    "loopback": "127.0.0.1",
    "this host": "0.0.0.0",
    "private 10": "10.1.2.3",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "link-local, with the cloud's metadata": "169.254.169.254",
    "shared by carriers": "100.64.0.1",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "mapped": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "compatible": "::127.0.0.1",
    "translated": "64:ff9b::7f00:1",
    "translated locally": "64:ff9b:1::7f00:1",
    "6to4": "2002:7f00:1::",
    "Teredo": "2001:0:7f00:1::",
    "unique local": "fd00::1",
    "link-local 6": "fe80::1",
    "site-local": "fec0::1",
    "documentation 6": "2001:db8::1",
    "multicast 6": "ff02::1",
    "unassigned": "4000::1",
}


@pytest.mark.parametrize("kind", PRIVATE)
async def test_what_is_not_public_is_refused(kind, names):
    names["cms.example.org"] = [[PRIVATE[kind]]]
    literal = f"[{PRIVATE[kind]}]" if ":" in PRIVATE[kind] else PRIVATE[kind]
    for host in ("cms.example.org", literal):
        for scheme in ("http", "https"):
            with pytest.raises(RefusedAddress):
                await Reach().check(f"{scheme}://{host}/hook")
            outcome = await send(f"{scheme}://{host}/hook", ELSEWHERE)
            assert "is not at a public address" in outcome.error


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"]
)
async def test_what_is_public_is_not(address, names):
    names["cms.example.org"] = [[address]]
    await Reach().check("https://cms.example.org/hook")
    with pytest.raises(RefusedAddress, match=r"plain HTTP.*; use https"):
        await Reach().check("http://cms.example.org/hook")


async def test_plain_http_is_refused_unless_a_network_is_listed():
    for url in ("http://cms.invalid/", "http://127.0.0.1/", "http://93.184.215.14/"):
        with pytest.raises(RefusedAddress, match=r"plain HTTP.*; use https"):
            await Reach().check(url)


async def test_one_bad_address_among_good_ones_is_enough(names):
    names["cms.example.org"] = [["93.184.215.14", "10.0.0.1"]]
    with pytest.raises(RefusedAddress):
        await Reach().check("https://cms.example.org/hook")


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "[::ffff:127.0.0.1]", "[::1]", "0"],
)
async def test_spellings_of_this_machine_are_refused_and_nothing_is_sent(host):
    with receiving(host="0.0.0.0") as receiver:
        for scheme in ("http", "https"):
            outcome = await send(f"{scheme}://{host}:{receiver.port}/", ELSEWHERE)
            assert "is not at a public address" in outcome.error
        assert receiver.requests == []


async def test_listed_networks_may_be_called_and_no_others(names):
    reach = Reach((ip_network("127.0.0.2/32"),))
    with receiving(host="127.0.0.2") as receiver, receiving(host="127.0.0.1") as other:
        names["cms.internal"] = [["127.0.0.2"]]
        for host in ("127.0.0.2", "cms.internal", "[::ffff:127.0.0.2]"):
            assert (await send(f"http://{host}:{receiver.port}/", reach)).delivered
        assert "is not at a public" in (await send(f"http://127.0.0.1:{other.port}/", reach)).error
        assert other.requests == []


async def test_the_address_that_was_checked_is_the_one_that_is_called(names):
    """A name whose address changes after it has been looked up (DNS rebinding)."""
    reach = Reach((ip_network("127.0.0.2/32"),))
    with receiving(host="127.0.0.2") as checked, receiving(host="127.0.0.1", port=checked.port) as rebound:
        names["rebinding.example.org"] = [["127.0.0.2"], ["127.0.0.1"]]
        assert (await send(f"http://rebinding.example.org:{checked.port}/", reach)).delivered
        assert (len(checked.requests), len(rebound.requests)) == (1, 0)
        assert "is not at a public" in (await send(f"http://rebinding.example.org:{checked.port}/", reach)).error
        assert (len(checked.requests), len(rebound.requests)) == (1, 0)


async def test_a_host_with_several_addresses_is_called_at_one_that_answers(names):
    names["cms.internal"] = [["127.0.0.3", "127.0.0.2"]]
    with receiving(host="127.0.0.2") as receiver:
        assert (await send(f"http://cms.internal:{receiver.port}/")).delivered


async def test_an_ipv6_address_keeps_its_brackets():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with receiving(host="::1") as receiver:
        assert (await send(f"http://[::1]:{receiver.port}/")).delivered
    assert receiver.requests[0][0]["Host"] == f"[::1]:{receiver.port}"


# --- HTTPS ---


@pytest.fixture
def certified(monkeypatch, tmp_path):
    """A certificate for cms.example.org by an authority that this machine trusts, for a server."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("cms.example.org").configure_cert(context)
    asked = []
    context.sni_callback = lambda socket, name, context: asked.append(name)
    return context, asked


async def test_https_names_the_host_though_an_address_is_called(certified, names):
    context, asked = certified
    names["cms.example.org"] = [["127.0.0.1"]]
    with receiving(tls=context) as receiver:
        assert (await send(f"https://cms.example.org:{receiver.port}/")).delivered
    assert receiver.requests[0][0]["Host"] == f"cms.example.org:{receiver.port}"
    assert asked == ["cms.example.org"]


async def test_https_refuses_a_certificate_for_another_host(certified, names):
    context, _ = certified
    names["other.example.org"] = [["127.0.0.1"]]
    with receiving(tls=context) as receiver:
        outcome = await send(f"https://other.example.org:{receiver.port}/")
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.error
    assert receiver.requests == []

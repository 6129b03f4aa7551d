"""A real Chromium does everything a person would do on the page."""

import os
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
#: Where screenshots are kept to be looked at.
SHOTS = Path(os.environ.get("MASKTALK_ARTEFACTS", "out/screenshots"))

#: The bar is 23 on a machine that does nothing else; a crowded one proves only that it runs.
LEAST_FPS = float(os.environ.get("MASKTALK_LEAST_FPS", "3"))

#: What the receiving end of WebRTC counts, summed over its tracks.
RECEIVED = """async () => {
    const sums = {frames: 0, energy: 0, played: 0};
    for (const connection of window.connections) {
        for (const one of (await connection.getStats()).values()) {
            if (one.type !== 'inbound-rtp') continue;
            if (one.kind === 'video') sums.frames += one.framesDecoded ?? 0;
            if (one.kind === 'audio') {
                sums.energy += one.totalAudioEnergy ?? 0;
                sums.played += one.totalSamplesDuration ?? 0;
            }
        }
    }
    return sums;
}"""
REMEMBER = """
    window.connections = [];
    const Original = RTCPeerConnection;
    window.RTCPeerConnection = function (...given) {
        const made = new Original(...given);
        window.connections.push(made);
        return made;
    };
"""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium here; CI installs the Debian package of that name")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1280, 860, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(request, browser, server):
    """The page, opened; whatever the console complains about fails the test."""
    width, height, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=width < 500,
        permissions=["microphone"],
        accept_downloads=True,
    )
    context.add_init_script(REMEMBER)
    page = context.new_page()
    page.set_default_timeout(90_000)
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    elsewhere = []
    page.on("request", lambda asked: _note_foreign(asked.url, server.url, elsewhere))
    page.goto(server.url)
    page.expected = ()  # parts of complaints that a test brings about
    page.shot = lambda name: _shoot(page, f"{name}-{request.node.callspec.id}")
    yield page
    context.close()
    assert not [one for one in complaints if not any(part in one for part in page.expected)]
    assert not elsewhere


def _note_foreign(url, home, elsewhere):
    if not url.startswith((home, "blob:", "data:", home.replace("http", "ws"))):
        elsewhere.append(url)


def _shoot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_from_a_picture_to_a_video(page, portrait_file, speech_file, tmp_path):
    page.shot("1-welcome")
    page.set_input_files("#source", portrait_file)
    page.wait_for_selector("#progress:not([hidden])")
    page.shot("2-preparing")
    page.wait_for_selector("#wake:not([hidden])")
    page.shot("3-ready")

    _drag_a_point(page)
    page.shot("5-rig-moved")
    page.click("#use-rig")
    page.wait_for_selector("#wake:not([hidden])")

    page.click("#wake")
    page.wait_for_selector("#live-state:not([hidden])")
    page.set_input_files("#speech", speech_file)
    page.wait_for_selector("#live-state.speaking")
    _watch_ten_seconds(page)
    page.shot("6-live")

    page.click("#tab-render")
    page.click("#render")
    page.wait_for_selector("#result:not([hidden])")
    page.shot("7-video")
    with page.expect_download() as download:
        page.click("#download")
    path = tmp_path / "video.mp4"
    download.value.save_as(path)
    assert path.read_bytes()[4:8] == b"ftyp"
    assert path.stat().st_size > 50_000


def _drag_a_point(page):
    page.click("#tab-rig")
    point = page.locator("#rig .point[aria-label^='Chin']")
    point.wait_for()
    page.shot("4-rig")
    before = point.get_attribute("aria-label")
    box = point.locator(".dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, y + 12, steps=4)
    page.mouse.up()
    dragged = point.get_attribute("aria-label")
    assert dragged != before
    page.keyboard.press("Shift+ArrowUp")
    assert point.get_attribute("aria-label") != dragged


def _watch_ten_seconds(page):
    page.wait_for_function(
        "() => window.connections.some(one => one.connectionState === 'connected')"
    )
    before = page.evaluate(RECEIVED)
    page.wait_for_timeout(10_000)
    after = page.evaluate(RECEIVED)
    played = after["played"] - before["played"]
    frames = after["frames"] - before["frames"]
    energy = after["energy"] - before["energy"]
    sys.stderr.write(f"webrtc: {frames / 10:.1f} fps, {played:.2f} s heard, energy {energy:.4f}\n")
    assert played > 8
    assert energy > 0.001
    assert frames / 10 >= LEAST_FPS


def test_a_face_nobody_finds_gets_its_rig_by_hand(page, tmp_path):
    import numpy as np
    from PIL import Image

    shade = np.linspace(60, 200, 320 * 320, dtype=np.float32).reshape(320, 320)
    path = tmp_path / "potato.png"
    Image.fromarray(shade.astype(np.uint8)).convert("RGB").save(path)
    page.set_input_files("#source", path)
    page.wait_for_selector("#rig .point")
    page.shot("8-by-hand")
    for _ in range(3):
        page.locator("#rig .point[aria-label^='Upper lip']").press("ArrowUp")
    page.click("label:has(input[name=mouth][value=cloth])")
    page.click("#use-rig")
    page.wait_for_selector("#wake:not([hidden])")
    page.click("#tab-rig")
    page.wait_for_selector("#rig .point")
    assert page.is_checked("input[name=mouth][value=cloth]")


def test_text_and_microphone_and_hush(page, server, ready_avatar):
    if shutil.which("espeak-ng") is None:
        pytest.skip("no espeak-ng here; CI installs the Debian package of that name")
    page.reload()
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    page.fill("#text", "Good evening. I am a picture, and I am very pleased to meet you all.")
    page.click("#say")
    page.wait_for_selector("#live-state.speaking")
    page.click("#stop")
    page.wait_for_selector("#live-state:not(.speaking)")
    page.click("#microphone")
    page.wait_for_selector("#microphone[aria-pressed=true]")
    page.wait_for_selector("#live-state.speaking")
    page.click("#microphone")
    page.wait_for_selector("#microphone[aria-pressed=false]")


NO_WEBRTC = "() => { window.RTCPeerConnection = function () { throw new Error('no'); }; }"
NO_MEDIASOURCE = "() => { MediaSource.isTypeSupported = () => false; }"


def test_without_webrtc_mp4_comes_over_the_websocket(page, ready_avatar):
    page.evaluate(NO_WEBRTC)
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    page.click("#wake")
    page.wait_for_function("() => document.getElementById('video').videoWidth > 0")
    assert page.evaluate("document.getElementById('video').src").startswith("blob:")
    begun = page.evaluate("document.getElementById('video').currentTime")
    page.wait_for_function(f"() => document.getElementById('video').currentTime > {begun + 1}")


def test_without_mediasource_images_come_over_the_websocket(page, ready_avatar):
    page.evaluate(NO_WEBRTC)
    page.evaluate(NO_MEDIASOURCE)
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    page.click("#wake")
    page.wait_for_selector("#canvas:not([hidden])")
    page.wait_for_function(
        """() => {
            const canvas = document.getElementById('canvas');
            const pixels = canvas.getContext('2d').getImageData(0, 0, 64, 64).data;
            return pixels.some((value, index) => index % 4 < 3 && value > 0);
        }"""
    )


def test_every_control_has_a_name_and_the_keyboard_reaches_it(page, ready_avatar):
    page.reload()
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    for tab in ("talk", "rig", "render"):
        page.click(f"#tab-{tab}")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, textarea, g[tabindex]')]
                .filter(one => one.offsetParent !== null || one.closest('svg'))
                .filter(one => !(one.ariaLabel || one.textContent.trim() || one.labels?.length
                    || one.getAttribute('aria-labelledby')))
                .map(one => one.outerHTML.slice(0, 80))"""
        )
        assert nameless == []
    page.focus("#tab-talk")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-rig", "aria-selected") == "true"


def test_nothing_is_wider_than_the_window(page, ready_avatar):
    page.reload()
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    for tab in ("talk", "rig", "render"):
        page.click(f"#tab-{tab}")
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0


def violations(page):
    """What axe-core, injected as the package ships it, finds on the page as it is shown."""
    axe = pytest.importorskip("axe_playwright_python")
    page.wait_for_timeout(300)  # panels and dialogs fade in
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    return page.evaluate(
        """async () => (await axe.run()).violations
            .map(one => [one.id, one.nodes.map(node => node.html.slice(0, 120))])"""
    )


def test_axe_finds_nothing_in_light_and_dark(page, server, ready_avatar):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(server.url)
        page.wait_for_selector("#samples:not([hidden]) img")
        assert violations(page) == [], scheme
        page.click("#help")
        assert violations(page) == [], scheme
        page.keyboard.press("Escape")
        page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
        for tab in ("talk", "rig", "render"):
            page.click(f"#tab-{tab}")
            for summary in page.locator(f"#panel-{tab} summary").all():
                summary.click()
            assert violations(page) == [], (scheme, tab)
        page.goto(f"{server.url}/docs")
        page.wait_for_selector("details")
        assert violations(page) == [], scheme


def test_a_sample_speaks_typed_words_in_a_video_that_the_library_keeps(page):
    if shutil.which("espeak-ng") is None:
        pytest.skip("no espeak-ng here; CI installs the Debian package of that name")
    page.click("#samples button:has(img[alt=Cartoon])")
    page.wait_for_selector("#wake:not([hidden])")
    page.click("#tab-render")
    page.fill("#words", "Hello.")
    page.click("#options summary")
    page.select_option("#option-crf", "26")
    page.press("#words", "Control+Enter")
    page.wait_for_selector("#result:not([hidden])")
    page.reload()  # the address names the face and the panel
    page.wait_for_selector("#videos li")
    assert page.input_value("#face-name") == "Cartoon"
    page.click("#videos li:first-child .open")
    page.wait_for_selector("#result:not([hidden])")
    with page.expect_download() as download:
        page.click("#videos li:first-child a")
    assert download.value.suggested_filename == "Cartoon - Hello..mp4"
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    count = page.locator("#videos li").count()
    page.click("#videos li:first-child .icon:last-child")
    page.wait_for_function(f"() => document.querySelectorAll('#videos li').length === {count - 1}")
    assert "The face and the speech stay" in asked[0]


def test_undo_and_reset_take_points_back(page, ready_avatar):
    page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
    page.click("#tab-rig")
    chin = page.locator("#rig .point[aria-label^='Chin']")
    chin.wait_for()
    first = chin.get_attribute("aria-label")
    chin.press("ArrowDown")
    page.locator("#rig .point[aria-label^='Upper lip']").press("ArrowDown")
    chin.press("Shift+ArrowDown")
    page.click("#undo")
    assert chin.get_attribute("aria-label") != first
    page.click("#reset")
    assert chin.get_attribute("aria-label") == first
    assert page.is_disabled("#undo")


def test_a_session_too_many_can_be_put_to_sleep_from_here(page, server, ready_avatar):
    page.expected = ("429 (Too Many Requests)",)
    with server.client() as client:
        opened = []
        while (reply := client.post("/api/live", json={"avatar": ready_avatar["id"]})).is_success:
            opened.append(reply.json()["id"])
        try:
            page.click(f"#faces button:has(img[src*='{ready_avatar['id']}'])")
            page.click("#wake")
            page.click("#sessions li:first-child button")
            page.wait_for_selector("#live-state:not([hidden])")
        finally:
            for id in opened:
                client.delete(f"/api/live/{id}")


def test_signing_in(browser, make_server):
    token = "sixteen-characters-or-more"
    server = make_server("--token", token)
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.fill("#token", "not the token at all")
    page.click("button")
    page.wait_for_selector("#wrong")
    assert violations(page) == []
    page.fill("#token", token)
    page.click("button")
    page.wait_for_selector("#samples")
    context.close()

// The ninja on the welcome screen looks where you point.

export function lookAround(ninja) {
  const eyes = [...ninja.querySelectorAll(".eye")];
  const look = ({ clientX, clientY }) => {
    const box = ninja.getBoundingClientRect();
    if (!box.width) return;
    const dx = clientX - (box.left + box.width / 2), dy = clientY - (box.top + box.height / 2);
    const far = Math.hypot(dx, dy) || 1, reach = Math.min(far / 40, 7);
    const shift = `translate(${(dx / far) * reach} ${(dy / far) * reach})`;
    for (const eye of eyes) {
      eye.querySelector(".pupil").setAttribute("transform", shift);
      eye.querySelector(".glint").setAttribute("transform", shift);
    }
  };
  window.addEventListener("pointermove", look, { passive: true });
  window.addEventListener("dragover", look, { passive: true });
}

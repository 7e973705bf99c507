// Curves to look into, beside which the static figures stay for print and for no script: a click on a name in
// the legend switches a variant off and on in both charts, the legend shows the values under the pointer.
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: () => colour("--ink"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line") } };

  // From one digit, at which uPlot's ticks start, to just above; its own range is of whole decades.
  function range(u, least, most) {
    if (most == null) return [null, null];
    const unit = 10 ** Math.floor(Math.log10(least));
    return [Math.floor(least / unit) * unit, most * 1.2];
  }
  const logarithmic = { distr: 3, range };

  function chart(place, curves, metric, group) {
    const number = metric === "loss" ? (v) => v.toPrecision(3) : (v) => (100 * v).toFixed(2) + " %";
    const show = (u, v) => (v == null ? "–" : number(v));
    // One standard deviation on both sides of each curve that is shown, beneath the curves.
    function bands(u) {
      const { ctx, bbox, data: [iteration] } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      curves.variants.forEach((v, i) => {
        if (!u.series[i + 1].show) return;
        const known = iteration.map((_, t) => t).filter((t) => v[metric + "_std"][t] != null);
        const edge = (t, sign) => {
          const value = Math.max(v[metric][t] + sign * v[metric + "_std"][t], u.scales.y.min);
          return [u.valToPos(iteration[t], "x", true), u.valToPos(value, "y", true)];
        };
        ctx.beginPath();
        known.forEach((t) => ctx.lineTo(...edge(t, 1)));
        known.reverse().forEach((t) => ctx.lineTo(...edge(t, -1)));
        ctx.fillStyle = v.color + "33";
        ctx.fill();
      });
      ctx.restore();
    }
    const options = {
      hooks: { drawAxes: [bands] },
      width: place.clientWidth,
      height: 320,
      cursor: { sync: { key: group, setSeries: true } },
      scales: { x: { time: false }, y: metric === "loss" ? logarithmic : {} },
      axes: [
        { ...axis, label: "iteration" },
        {
          ...axis,
          size: 64,
          label: metric === "loss" ? "training loss (nats)" : "training accuracy",
          values: (u, ticks) => ticks.map((v) => (v == null ? "" : metric === "loss" ? String(+v.toPrecision(2)) : Math.round(100 * v) + " %")),
        },
      ],
      series: [
        { label: "iteration" },
        ...curves.variants.map((v) => ({
          label: v.name, stroke: v.dashed ? v.color : v.color + "88", width: v.width, dash: v.dashed ? [8, 4] : undefined,
          points: { show: false }, value: show,
        })),
      ],
    };
    return new uPlot(options, [curves.iteration, ...curves.variants.map((v) => v[metric])], place);
  }

  document.documentElement.classList.add("script");
  const charts = [];
  document.querySelectorAll(".live").forEach((live, i) => {
    const curves = JSON.parse(live.querySelector("script").textContent);
    // Both places first: each then has the width that it keeps.
    const places = ["loss", "accuracy"].map((metric) => [metric, live.appendChild(document.createElement("div"))]);
    for (const [metric, place] of places) charts.push([place, chart(place, curves, metric, "figure" + i)]);
  });
  addEventListener("resize", () => charts.forEach(([place, u]) => u.setSize({ width: place.clientWidth, height: 320 })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(([, u]) => u.redraw(false)));
})();

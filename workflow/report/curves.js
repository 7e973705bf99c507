// Interactive charts; the static figures remain for print and without scripts. A click on a name in the legend
// switches a variant off and on in both charts. The legend shows the values nearest to the pointer.
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: () => colour("--ink"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line") } };

  // From a value with one digit, where uPlot's ticks start, to just above the data; uPlot's default is whole decades.
  function range(u, least, most) {
    if (most == null) return [null, null];
    const unit = 10 ** Math.floor(Math.log10(least));
    return [Math.floor(least / unit) * unit, Math.min(most * 1.2, 10)];  // an untrained network has 2.3
  }
  const logarithmic = { distr: 3, range };

  const metrics = {
    loss: { title: "loss (nats)", number: (v) => v.toPrecision(3), tick: (v) => String(+v.toPrecision(2)), scale: logarithmic },
    accuracy: { title: "accuracy", number: (v) => (100 * v).toFixed(2) + " %", tick: (v) => +(100 * v).toFixed(1) + " %", scale: {} },
  };

  // A chart of one metric against x, which differs between the curves.
  function chart(place, { variants, charts }, x, metric, group) {
    const curves = charts[x], { title, number, tick, scale } = metrics[metric];
    // Bands of one standard deviation on both sides of each visible curve, drawn beneath the curves.
    function bands(u) {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      curves.forEach((curve, i) => {
        if (!u.series[i + 1].show) return;
        const known = curve.x.map((_, t) => t).filter((t) => curve[metric + "_std"][t] != null);
        const edge = (t, sign) => {
          const value = Math.max(curve[metric][t] + sign * curve[metric + "_std"][t], u.scales.y.min);
          return [u.valToPos(curve.x[t], "x", true), u.valToPos(value, "y", true)];
        };
        ctx.beginPath();
        known.forEach((t) => ctx.lineTo(...edge(t, 1)));
        known.reverse().forEach((t) => ctx.lineTo(...edge(t, -1)));
        ctx.fillStyle = variants[i].color + "33";
        ctx.fill();
      });
      ctx.restore();
    }
    // A cross at the end of each visible curve that diverged, at the top if its loss is above.
    function crosses(u) {
      const { ctx, bbox } = u, size = 5 * devicePixelRatio;
      curves.forEach((curve, i) => {
        const last = curve[metric].findLastIndex((value) => value != null);
        if (!variants[i].diverged || last < 0 || !u.series[i + 1].show) return;
        const x = u.valToPos(curve.x[last], "x", true), y = Math.max(u.valToPos(curve[metric][last], "y", true), bbox.top);
        ctx.save();
        ctx.strokeStyle = variants[i].color;
        ctx.lineWidth = 2.5 * devicePixelRatio;
        for (const turn of [1, -1]) {
          ctx.beginPath();
          ctx.moveTo(x - size, y - turn * size);
          ctx.lineTo(x + size, y + turn * size);
          ctx.stroke();
        }
        ctx.restore();
      });
    }
    // The point of a curve nearest to the pointer.
    function nearest(u, i, at) {
      for (let d = 0; i && d < u.data[0].length; d++) for (const t of [at - d, at + d]) if (u.data[i][t] != null) return t;
      return at;
    }
    const options = {
      hooks: { drawAxes: [bands], draw: [crosses] },
      width: place.clientWidth,
      height: 270,
      cursor: { sync: { key: group, setSeries: true }, dataIdx: nearest },
      legend: { markers: { dash: (u, i) => (variants[i - 1]?.dashed ? "dashed" : "solid"), width: (u, i) => (i ? Math.max(2, variants[i - 1].width) : 0) } },
      scales: { x: { time: false }, y: scale },
      axes: [
        { ...axis, label: x, ...(x === "epochs" && { incrs: [1, 2, 5, 10, 20, 50, 100] }) },
        { ...axis, size: 64, label: (x === "iteration" ? "training " : "test ") + title, values: (u, ticks) => ticks.map((v) => (v == null ? "" : tick(v))) },
      ],
      series: [
        { label: x, value: (u, v) => (v == null ? "" : String(+v.toPrecision(4))) },
        ...variants.map((v, i) => ({
          label: v.name, stroke: v.dashed ? v.color : v.color + "88", width: v.width, dash: v.dashed ? [8, 4] : undefined,
          spanGaps: true, points: { show: curves[i].x.length === 1 }, value: (u, value) => (value == null ? "" : number(value)),
        })),
      ],
    };
    const u = new uPlot(options, uPlot.join(curves.map((curve) => [curve.x, curve[metric]])), place);
    place.querySelectorAll(".u-value").forEach((value) => (value.firstChild.nodeValue = ""));
    return u;
  }

  document.documentElement.classList.add("script");
  const charts = new Map();  // by the elements that they are in
  document.querySelectorAll(".live").forEach((live, i) => {
    const curves = JSON.parse(document.getElementById(live.dataset.curves).textContent);
    // Create both elements before the charts, so that each has its final width.
    const places = ["loss", "accuracy"].map((metric) => [metric, live.appendChild(document.createElement("div"))]);
    places.forEach(([metric, place]) => charts.set(place, chart(place, curves, live.dataset.x, metric, "figure" + i)));
  });
  addEventListener("resize", () => charts.forEach((u, place) => u.setSize({ width: place.clientWidth, height: 270 })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((u) => u.redraw(false)));
})();

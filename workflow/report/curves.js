// The page's charts. A click on a name in a legend switches a variant off and on in both charts. The legend shows the
// values nearest to the pointer. A chart is made when it can be seen.
(() => {
  const root = document.documentElement, HEIGHT = 240, HIGHEST_LOSS = 10, GREY = "#8c8c8c";  // as in drawing.py
  const colour = (name) => () => getComputedStyle(root).getPropertyValue(name).trim();
  const axis = { stroke: colour("--ink"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const metrics = {
    loss: { title: "loss (nats)", number: (v) => v.toPrecision(3), tick: (v) => String(+v.toPrecision(2)) },
    accuracy: { title: "accuracy", number: (v) => (100 * v).toFixed(2) + " %", tick: (v) => +(100 * v).toFixed(1) + " %" },
  };

  // The scale of a loss: from a value with one digit, where uPlot's ticks start, to just above the data.
  function scale(log, curves) {
    const range = (u, above, most) => {
      if (most == null) return [null, null];
      const least = Math.min(above, ...curves.flatMap((curve) => (curve.dotted || []).filter((v) => v > 0)));
      const unit = 10 ** Math.floor(Math.log10(least)), top = Math.min(most * 1.2, HIGHEST_LOSS);
      return [log ? Math.min(Math.floor(least / unit) * unit, top / 2) : 0, top];
    };
    return { distr: log ? 3 : 1, range };
  }

  // Two charts of curves, loss and accuracy, below which their legend is. A curve has a label, a color, x, both metrics
  // and, if it has a band, their standard deviations.
  function charts(live, curves, { x, title, log }) {
    const joined = Object.fromEntries(Object.keys(metrics).map((m) => [m, uPlot.join(curves.map((c) => [c.x, c[m]]))]));
    const places = Object.keys(metrics).map(() => live.appendChild(document.createElement("div")));
    const legend = live.appendChild(document.createElement("div"));
    legend.className = "legend";
    return Object.keys(metrics).map((m, i) => chart(places[i], m, curves, joined, { x, title, log, legend, group: live.id }));
  }

  function chart(place, metric, curves, joined, { x, title, log, legend, group }) {
    const shown = (u) => curves.map((curve, i) => ({ ...curve, y: curve[metric], std: curve[metric + "_std"], on: u.series[i + 1].show })).filter((c) => c.on);
    const inside = (u, draw) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      draw(ctx);
      ctx.restore();
    };
    // Bands of one standard deviation on both sides of each curve, beneath the curves; and dotted training losses.
    const bands = (u) => inside(u, (ctx) => {
      for (const curve of shown(u).filter((c) => c.std)) {
        const known = curve.x.map((_, t) => t).filter((t) => curve.std[t] != null);
        const edge = (t, sign) => [u.valToPos(curve.x[t], "x", true), u.valToPos(Math.max(curve.y[t] + sign * curve.std[t], curve.y[t] / 10), "y", true)];
        ctx.beginPath();
        known.forEach((t) => ctx.lineTo(...edge(t, 1)));
        known.reverse().forEach((t) => ctx.lineTo(...edge(t, -1)));
        ctx.fillStyle = curve.color + "33";
        ctx.fill();
        ctx.strokeStyle = curve.color;
        ctx.lineWidth = 0.5 * devicePixelRatio;
        ctx.stroke();
      }
      for (const curve of shown(u).filter((c) => metric === "loss" && c.dotted)) {
        ctx.beginPath();
        curve.x.forEach((x, t) => curve.dotted[t] != null && ctx.lineTo(u.valToPos(x, "x", true), u.valToPos(curve.dotted[t], "y", true)));
        ctx.strokeStyle = curve.color;
        ctx.lineWidth = 1.5 * devicePixelRatio;
        ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.stroke();
        ctx.setLineDash([]);
      }
    });
    // A cross where a seed diverged; and a triangle with the highest loss at the top edge if it is above.
    const marks = (u) => {
      const { ctx, bbox } = u, size = 5 * devicePixelRatio;
      ctx.textAlign = "left";
      shown(u).forEach((curve, i) => {
        const at = (t) => [u.valToPos(curve.x[t], "x", true), Math.max(u.valToPos(curve.y[t], "y", true), bbox.top)];
        const last = curve.y.findLastIndex((v) => v != null), most = curve.y.reduce((a, v, t) => (v > (curve.y[a] ?? 0) ? t : a), 0);
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = curve.color;
        ctx.lineWidth = 2.5 * devicePixelRatio;
        if (curve.diverged && last >= 0) {
          const [a, b] = at(last);
          for (const turn of [1, -1]) {
            ctx.beginPath();
            ctx.moveTo(a - size, b - turn * size);
            ctx.lineTo(a + size, b + turn * size);
            ctx.stroke();
          }
        }
        if (metric === "loss" && curve.y[most] > HIGHEST_LOSS) {
          const [a, b] = at(most);
          ctx.beginPath();
          [[0, 0], [size, 2 * size], [-size, 2 * size]].forEach(([dx, dy]) => ctx.lineTo(a + dx, b + dy));
          ctx.fill();
          ctx.fillText(curve.y[most].toPrecision(3), a + 2 * size, b + (2 + 2.5 * i) * size);  // not onto another's
        }
        ctx.restore();
      });
    };
    // The point of a curve nearest to the pointer.
    function nearest(u, i, at) {
      for (let d = 0; i && d < u.data[0].length; d++) for (const t of [at - d, at + d]) if (u.data[i][t] != null) return t;
      return at;
    }
    const value = (i, t) => Object.keys(metrics).map((m) => metrics[m].number(joined[m][i][t])).join(", ");
    const options = {
      hooks: { drawAxes: [bands], draw: [marks] },
      width: place.clientWidth,
      height: HEIGHT,
      cursor: { sync: { key: group, setSeries: true }, dataIdx: nearest },
      legend: {
        show: metric === "loss",
        mount: (u, table) => legend.appendChild(table),
        markers: { dash: (u, i) => (curves[i - 1]?.dash?.length ? "dashed" : "solid"), width: 2 },
      },
      scales: { x: { time: false }, y: metric === "loss" ? scale(log, curves) : {} },
      axes: [
        { ...axis, label: x, ...(x === "epochs" && { incrs: [1, 2, 5, 10, 20, 50, 100] }) },
        { ...axis, size: 64, label: `${title} ${metrics[metric].title}`, values: (u, ticks) => ticks.map((v) => (v == null ? "" : metrics[metric].tick(v))) },
      ],
      series: [
        {},
        ...curves.map((curve, i) => ({
          label: curve.label, stroke: curve.color, width: curve.thin ? 0.5 : curve.circles ? 1 : 2, dash: curve.dash,
          spanGaps: true,
          points: { show: curve.circles || curve.x.length === 1, size: 7, space: 25, fill: colour("--paper") },
          value: (u, v, s, t) => (v == null || t == null ? "" : value(i + 1, t)),
        })),
      ],
    };
    const u = new uPlot(options, joined[metric], place);
    legend.querySelectorAll(".u-value").forEach((cell) => (cell.firstChild.nodeValue = ""));
    return u;
  }

  // What a figure shows of its network's curves, as its attributes say: all or some variants against the iteration or
  // the epochs, or the minibatches of one.
  function curves(live) {
    const all = JSON.parse(document.getElementById(live.dataset.curves).textContent), names = JSON.parse(live.dataset.variants);
    const wanted = all.filter((line) => line.names.some((name) => names.includes(name)));
    if (live.dataset.kind !== "alone") {
      const x = live.dataset.kind === "test" ? "epochs" : "iteration";
      return [x, wanted.map((line) => ({ ...line, ...line[x], dotted: x === "epochs" && line.epoch_losses }))];
    }
    const [line] = wanted, { seed, ...each } = line.minibatches;
    const raw = { label: `each minibatch of seed ${seed}`, color: GREY, thin: true, x: each.loss.map((_, t) => t), ...each };
    return ["iteration", [raw, { ...line, ...line.iteration, label: `${line.label}: running mean over all seeds` }]];
  }

  // Make the charts of a figure, or make them again, and its switch.
  function make(live) {
    const [x, its] = curves(live), log = live.dataset.log === "true";
    live.charts?.forEach((u) => u.destroy());
    live.replaceChildren();
    live.charts = charts(live, its, { x, log, title: x === "epochs" ? "test" : "training" });
    const button = live.querySelector(".legend").appendChild(document.createElement("button"));
    button.textContent = log ? "linear loss" : "logarithmic loss";
    button.onclick = () => {
      live.dataset.log = String(!log);
      make(live);
      live.querySelector("button").focus();
    };
  }

  root.classList.add("script");
  const figures = [...document.querySelectorAll(".live")], made = () => figures.flatMap((live) => live.charts ?? []);
  figures.forEach((live, i) => {
    live.id = "figure" + i;
    const folded = live.closest("details");
    if (!folded) make(live);
    else folded.addEventListener("toggle", () => folded.open && !live.charts && make(live));
  });
  const redraw = () => made().forEach((u) => u.redraw(false));
  addEventListener("resize", () => made().forEach((u) => u.setSize({ width: u.root.parentElement.clientWidth, height: HEIGHT })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // The paper is light, and has all folded parts open.
  let opened = [];
  addEventListener("beforeprint", () => {
    root.classList.add("paper");
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((folded) => (folded.open = true));
    figures.forEach((live) => live.charts || make(live));
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("paper");
    opened.forEach((folded) => (folded.open = false));
    redraw();
  });
})();

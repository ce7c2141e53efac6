"""Every word of the first run, in both languages."""

from __future__ import annotations

# fmt: off
TEXTS: dict[str, tuple[str, str]] = {
    # key: (中文, English)
    "guide.title": ("第一次用：跟着演示区走一遍", "First time here: a walk with the demo region"),
    "guide.note": ("几分钟走完：虚构的稻田，可以放心点。每一步都在后台运行，可随时取消、离开。", "A few minutes, on invented paddies, so click away. Every step runs in the background: cancel it or leave at any time."),
    "guide.demo": ("生成演示区", "Make the demo region"),
    "guide.demo_note": ("程序在鸡西九县（市、区）画出 {n} 块虚构的池，带渠、路、林带和高程。", "The program draws {n} invented paddies in Jixi's nine counties, with canals, roads, shelterbelts and levels."),
    "guide.check": ("检查地块", "Check the parcels"),
    "guide.check_note": ("看哪些数据能用、哪些已修好、哪些被剔除。", "See which data are fit, which were mended, and which are left out."),
    "guide.plan": ("生成方案", "Make a plan"),
    "guide.plan_note": ("把相邻小池合并成大池，算出土方、费用和示范点。", "Join neighbouring paddies into blocks, with earthwork, cost and sites."),
    "guide.look": ("在地图上看", "See it on the map"),
    "guide.look_note": ("合并前后并排对比；点一个大池，看它的数字和理由。", "Before and after, side by side; click a block for its figures and reasons."),
    "guide.own": ("换成自己的数据", "Now your own data"),
    "guide.own_note": ("上传确权或三调地块，照样检查、做方案。", "Upload your own parcels, check them and plan in the same way."),
    "guide.own_go": ("去上传自己的数据", "Upload my own data"),
    "guide.done": ("已完成", "done"),
    "guide.now": ("现在这一步", "the step to take now"),
    "guide.close": ("收起入门", "Close this guide"),
    "guide.again": ("入门：跟着演示区走一遍", "The first steps, with the demo region"),
    "guide.has_data": ("已有自己的数据？", "You have data of your own?"),
}
# fmt: on

from scratch as base
copy a.txt /
env a=b
from base
copy --from=base /a.txt /b
cmd ["x"]

FROM scratch
COPY *.txt /txt/
COPY ?.txt /one/
COPY [ab].txt /set/
COPY [^a].txt /not/
COPY d*/s*/*.txt /mid/
COPY dir* /dirs/
COPY node_mod*/x /x/

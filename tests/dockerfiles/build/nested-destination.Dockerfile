FROM scratch
COPY a.txt /one/two/three/four/
COPY b.txt /one/two/five

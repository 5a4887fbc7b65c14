FROM scratch
COPY \[bracket\].txt /one/
COPY [[]bracket].txt /two/
COPY ["with space.txt", "star*", "/three/"]

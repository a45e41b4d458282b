# syntax=docker/dockerfile:1
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src
# The packages first, so that a change of code does not fetch them again.
COPY Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src/Gateway/Gateway.csproj src/Gateway/packages.lock.json src/Gateway/
RUN dotnet restore src/Gateway --locked-mode -p:PublishReadyToRun=true
COPY appsettings.json ./
COPY src/Gateway src/Gateway
# The builder's own word for the platform; a default here would win over it.
ARG TARGETARCH
RUN dotnet publish src/Gateway -c Release --no-restore -r linux-$(echo ${TARGETARCH:-amd64} | sed s/amd64/x64/) -o /app

# No shell, no package manager, no root: what the gateway and the runtime it brings need.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app .
# Server GC reserves memory for every core; one small machine does better without.
ENV DOTNET_gcServer=0 DOTNET_TieredPGO=1 ASPNETCORE_HTTP_PORTS=
USER $APP_UID
EXPOSE 8080 9090
ENTRYPOINT ["./Gateway"]

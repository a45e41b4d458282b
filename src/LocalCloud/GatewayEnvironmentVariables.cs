namespace LocalCloud;

/// <summary>The whole configuration of the gateway here: what a deployment would set too, and nothing that it could not.</summary>
internal static class GatewayEnvironmentVariables
{
    public const string ClientId = "gateway";
    public const string MachinesToken = "local-cloud-token";

    public static Dictionary<string, string> For(LocalCloudOptions options, string clientSecret, string nameKey) => new()
    {
        ["Identity__Authority"] = $"http://localhost:{options.IdentityPort}",
        ["Identity__ClientId"] = ClientId,
        ["Identity__ClientSecret"] = clientSecret,
        ["Identity__Audience"] = "my-jarvis-desktop",
        ["Identity__AllowHttpAuthority"] = "true",
        ["Identity__Scopes"] = "openid profile email offline_access",
        ["Identity__Allow__Everyone"] = "true",
        ["Identity__RoleClaim"] = "role",
        ["Identity__OperatorRole"] = "operator",
        ["FLY_API_TOKEN"] = MachinesToken,
        ["Machines__ApiUrl"] = $"http://127.0.0.1:{options.MachinesPort}",
        ["REDIS_URL"] = options.RedisUrl ?? $"redis://127.0.0.1:{options.RedisPort}",
        ["Workspaces__NameKey"] = nameKey,
        // Machines of this cloud answer the gateway alone, as they should everywhere.
        ["Workspaces__Env__GATEWAY_JWKS_URL"] = $"http://localhost:{options.PublicPort}/.gateway/jwks.json",
        ["Proxying__Listen"] = $"http://localhost:{options.PublicPort}",
        ["Proxying__ListenHttp2"] = $"http://localhost:{options.Http2Port}",
        ["Proxying__AllowedNetworks"] = "127.0.0.0/8",
        ["Proxying__ShutdownGrace"] = "00:00:01",
        ["Operations__Listen"] = $"http://localhost:{options.OperationsPort}",
    };
}

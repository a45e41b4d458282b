namespace LocalCloud;

/// <summary>Set by the environment (<c>LocalCloud__PublicPort</c>) or the command line (<c>--LocalCloud:PublicPort</c>).</summary>
internal sealed record LocalCloudOptions
{
    public const string Section = "LocalCloud";

    public int PublicPort { get; init; } = 8080;

    public int Http2Port { get; init; } = 8082;

    public int OperationsPort { get; init; } = 9090;

    public int IdentityPort { get; init; } = 8081;

    public int MachinesPort { get; init; } = 4280;

    public int RedisPort { get; init; } = 6380;

    /// <summary>The first two numbers of the machines' addresses, as claimed by <see cref="LocalCloud.MachinesNetwork"/>.</summary>
    public string MachinesNetwork { get; init; } = "127.77";

    /// <summary>Sessions, volumes and keys. <c>LOCAL_CLOUD_DATA</c>; defaults to <c>.local-cloud</c> in the working directory.</summary>
    public string Folder { get; init; } = ".local-cloud";

    /// <summary><c>REDIS_URL</c>: a Redis to use in place of the embedded one.</summary>
    public string? RedisUrl { get; init; }

    public Uri PublicUrl => new($"http://localhost:{PublicPort}");

    public Uri OperationsUrl => new($"http://localhost:{OperationsPort}");

    public Uri IdentityUrl => new($"http://localhost:{IdentityPort}");

    public static LocalCloudOptions From(string[] args)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(args).Build();
        try
        {
            var options = configuration.GetSection(Section).Get<LocalCloudOptions>() ?? new LocalCloudOptions();
            return options with
            {
                Folder = Path.GetFullPath(configuration["LOCAL_CLOUD_DATA"] is { Length: > 0 } folder ? folder : options.Folder),
                RedisUrl = configuration["REDIS_URL"] is { Length: > 0 } url ? url : null,
            };
        }
        catch (InvalidOperationException exception)
        {
            throw new LocalCloudException(exception.Message);
        }
    }
}

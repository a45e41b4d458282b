namespace Gateway.Provisioning;

/// <summary>The template that new workspaces are made from.</summary>
internal sealed class WorkspaceOptions
{
    public const string Section = "Workspaces";

    public static IReadOnlyList<string> DefaultRegions { get; } = ["sjc", "iad", "lhr", "fra", "sin", "syd"];

    /// <summary>The Fly app that holds users' machines and volumes.</summary>
    public string App { get; set; } = "my-jarvis-workspaces";

    /// <summary>The image their machines run.</summary>
    public string Image { get; set; } = "registry.fly.io/my-jarvis-workspaces:latest";

    /// <summary><c>shared</c> or <c>performance</c>.</summary>
    public string CpuKind { get; set; } = "shared";

    public int Cpus { get; set; } = 1;

    /// <summary>In steps of 256 (shared) or 2048 (performance).</summary>
    public int MemoryMb { get; set; } = 512;

    public int VolumeSizeGb { get; set; } = 5;

    /// <summary>Where the volume is mounted.</summary>
    public string MountPath { get; set; } = "/workspace";

    /// <summary>Regions in the order they are tried when one is full. Empty: <see cref="DefaultRegions"/> (a binder would append to a default list).</summary>
    public List<string> Regions { get; set; } = [];

    /// <summary>The request header in which a proxy in front says where the user is, such as <c>Fly-Region</c>: a new workspace is made there first if that region is in the list. Empty: none.</summary>
    public string RegionHeader { get; set; } = "";

    /// <summary>The port the workspace listens on.</summary>
    public int Port { get; set; } = 10000;

    /// <summary>The environment of every machine, beside <c>USER_ID</c>. An empty value drops a default. No secrets: those are the app's own (<c>fly secrets set</c>).</summary>
    public Dictionary<string, string> Env { get; set; } = new(StringComparer.Ordinal)
    {
        ["WORKSPACE_DIR"] = "/workspace",
        ["NODE_ENV"] = "production",
        ["PORT"] = "10000",
        ["ANTHROPIC_CONFIG_PATH"] = "/workspace/.anthropic",
        ["CLAUDE_CONFIG_DIR"] = "/workspace/.claude",
    };

    /// <summary>What runs instead of the image's own command; an app that binds 0.0.0.0 only is not reachable over the private network. Empty: the image's.</summary>
    public List<string> Command { get; set; } = [];

    /// <summary>What the platform does when the process ends by itself: <c>on-failure</c> or <c>no</c>.</summary>
    public string RestartPolicy { get; set; } = "on-failure";

    /// <summary>The secret that machine names and proofs of ownership are derived with, 32 characters at least. Never change it: workspaces are found again by it.</summary>
    public string NameKey { get; set; } = "";

    /// <summary>How long one attempt at making a workspace may take, however many requests wait for it.</summary>
    public TimeSpan ProvisioningLimit { get; set; } = TimeSpan.FromMinutes(2);

    public IReadOnlyList<string> RegionsInOrder => Regions.Count == 0 ? DefaultRegions : [.. Regions.Distinct()];
}

using Gateway.Provisioning;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Gateway.Tests.Provisioning;

public sealed class WorkspaceOptionsTests
{
    private const string Key = "fake-name-key-for-tests-0123456789";

    [Fact]
    public void Defaults_need_the_name_key_only()
    {
        Assert.True(!Faults(new WorkspaceOptions { NameKey = Key }).Any());
        Assert.StartsWith("Workspaces:NameKey ", Assert.Single(Faults(new WorkspaceOptions())));
    }

    [Fact]
    public void All_faults_are_listed_at_once_each_by_its_key()
    {
        var faults = Faults(new WorkspaceOptions { App = "Not An App", Image = "", CpuKind = "fast", Cpus = 3, VolumeSizeGb = 0, Port = 0, MountPath = "workspace", Regions = ["sjc", "San Jose"], RestartPolicy = "always" });

        Assert.All(["App", "Image", "NameKey", "CpuKind", "Cpus", "VolumeSizeGb", "Port", "MountPath", "Regions", "RestartPolicy"],
            key => Assert.Contains(faults, fault => fault.StartsWith($"Workspaces:{key} ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("ANTHROPIC_API_KEY")]
    [InlineData("GITHUB_TOKEN")]
    [InlineData("client_secret")]
    public void Secret_in_the_environment_is_refused_with_the_advice_where_it_belongs(string key)
    {
        var options = new WorkspaceOptions { NameKey = Key };
        options.Env[key] = "fake";

        var fault = Assert.Single(Faults(options));

        Assert.StartsWith($"Workspaces:Env:{key} ", fault);
        Assert.Contains("fly secrets set", fault);
    }

    [Theory]
    [InlineData("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "32000", true)]
    [InlineData("USER_ID", "alice", false)]
    [InlineData("PORT", "8080", false)]
    [InlineData("WORKSPACE_DIR", "/tmp", false)]
    [InlineData("WORKSPACE_DIR", "/workspace/home", true)]
    public void Environment_is_checked_for_what_the_gateway_relies_on(string key, string value, bool right)
    {
        var options = new WorkspaceOptions { NameKey = Key };
        options.Env[key] = value;

        Assert.Equal(right, !Faults(options).Any());
    }

    [Fact]
    public void Regions_of_the_configuration_replace_the_defaults()
    {
        var options = new WorkspaceOptions();
        new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Regions:0"] = "ams", ["Regions:1"] = "fra", ["Env:NODE_ENV"] = "" }).Build().Bind(options);

        Assert.Equal(["ams", "fra"], options.RegionsInOrder);
        Assert.Equal("", options.Env["NODE_ENV"]);
        Assert.Equal(WorkspaceOptions.DefaultRegions, new WorkspaceOptions().RegionsInOrder);
    }

    private static IEnumerable<string> Faults(WorkspaceOptions options) => new WorkspaceOptionsValidator().Validate(null, options).Failures ?? [];
}

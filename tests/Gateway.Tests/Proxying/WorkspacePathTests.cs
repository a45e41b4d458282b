using Gateway.Proxying;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class WorkspacePathTests
{
    [Theory]
    [InlineData("/")]
    [InlineData("/index.html")]
    [InlineData("/a/../b")]
    [InlineData("/a%2Fb")]
    [InlineData("/%41")]
    [InlineData("//")]
    [InlineData("/a;b?x=/.gateway")]
    [InlineData("/.gatewayx")]
    [InlineData("/.gateways/x")]
    [InlineData("/x/.gateway")]
    [InlineData("/..")]
    [InlineData("*")]
    [InlineData("http://host/index.html")]
    public void Other_paths_are_the_workspaces(string target) => Assert.Equal(PathOwner.Workspace, WorkspacePath.OwnerOf(target));

    [Theory]
    [InlineData("/.gateway")]
    [InlineData("/.gateway/")]
    [InlineData("/.gateway/me")]
    [InlineData("/.gateway/sign-in?return=/a/../b")]
    [InlineData("http://host/.gateway/me")]
    public void Plain_gateway_paths_are_the_gateways(string target) => Assert.Equal(PathOwner.Gateway, WorkspacePath.OwnerOf(target));

    [Theory]
    [InlineData("/%2e%2e/.gateway")]
    [InlineData("/a/../.gateway")]
    [InlineData("/a/%2e%2e/.gateway/me")]
    [InlineData("/.gateway/../x")]
    [InlineData("/.gateway/%2e%2e/x")]
    [InlineData("/%2Egateway/me")]
    [InlineData("/%252Egateway/me")]
    [InlineData("//.gateway/me")]
    [InlineData("/./.gateway")]
    [InlineData("/.gateway%2fme")]
    [InlineData("/.gateway%2f..")]
    [InlineData("/.GATEWAY/me")]
    [InlineData("\\.gateway")]
    [InlineData("/a\\..\\.gateway")]
    [InlineData("/a%5c..%5c.gateway")]
    [InlineData("/.gateway;x/me")]
    [InlineData("/a/..;/.gateway")]
    [InlineData("/;/.gateway")]
    public void Paths_that_mean_the_gateway_to_somebody_only_are_nobodys(string target) => Assert.Equal(PathOwner.Disputed, WorkspacePath.OwnerOf(target));
}
